"""The colours and the type of everything, on light ground and on dark ground."""

# Each colour by its purpose, on light ground and on dark ground. Categories stand in the order of
# their importance, and differ in lightness as well as in hue. tests/page/test_theme.py holds texts
# to a contrast of 4.5 and everything drawn to 3, as WCAG 2.2 asks.
_COLOURS = {
    "ground": ("#f5f5f4", "#1b1a19"),
    "card": ("#ffffff", "#252423"),
    "ink": ("#323130", "#f3f2f1"),
    "quiet": ("#605e5c", "#b8b5b2"),
    "hairline": ("#e1dfdd", "#484644"),
    "link": ("#005a9e", "#6cb8f6"),
    "accent": ("#0078d4", "#3a96dd"),
    "pale": ("#deecf9", "#123a5c"),
    "good": ("#0b6a0b", "#6ccb5f"),
    "bad": ("#a4262c", "#ff8d95"),
    "existing": ("#0078d4", "#3a96dd"),
    "added": ("#d9730d", "#f09a45"),
    "churned": ("#b4009e", "#e57fd8"),
    "land": ("#edebe9", "#3b3a39"),
    "map-1": ("#5fa8e0", "#2b77b8"),
    "map-2": ("#0f6cbd", "#6cb8f6"),
    "map-3": ("#003052", "#e3f2fd"),
    "category-1": ("#0078d4", "#3a96dd"),
    "category-2": ("#d9730d", "#f09a45"),
    "category-3": ("#5c2d91", "#b68cf0"),
    "category-4": ("#00857a", "#3cc4b4"),
    "category-5": ("#c239b3", "#e57fd8"),
    "category-6": ("#003f74", "#9cc8f0"),
    "category-7": ("#937000", "#e8d44d"),
    "category-8": ("#3b8f3b", "#6ccb5f"),
    "category-9": ("#a4262c", "#f1707b"),
    "category-10": ("#5a6b80", "#a9b4c0"),
    "others": ("#949290", "#979593"),
}
LIGHT = {name: light for name, (light, _) in _COLOURS.items()}
DARK = {name: dark for name, (_, dark) in _COLOURS.items()}
FONT = "'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif"
