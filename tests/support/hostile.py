"""Texts that want to be more than text, and the columns of an export that can hold them."""

LONG = "x" * 2500 + " " + "y" * 2499
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<b>x</b>",
    '<a href="https://example.com">x</a>',
    '<a href="javascript:alert(4)">x</a>',
    "javascript:alert(5)",
    "{{7*7}}",
    "{count}",
    "%{x}",
    "<img src=x onerror=alert(3)>",
    "a &amp; b",
    "=1+1",
    "line\u2028separator",
    "\u202etxt.exe",
    "constructor",
    "__proto__",
)
COLUMNS = (
    *("CustomerName", "Product", "SKU", "CustomerMarket", "CustomerSegment"),
    *("PartnerLocation", "PartnerAttributionType", "SalesChannel", "PricingLevel"),
)


def profile(name: str) -> dict[str, str]:
    return {"MPNId": "11", "PGA_MPNId": "1", "PGA_PartnerName": name, "Country": "Sweden"}
