-- Existing customers are those held in the month before as well. The others of this month were
-- added, the others of the month before churned. All products together have no product here.
WITH spans AS (
    SELECT * FROM subscription_spans
    WHERE month_bits & (SELECT bit_or(1::HUGEINT << month_index) FROM months WHERE in_view) <> 0
),
customers AS (
    SELECT product, bit_or(month_bits) AS month_bits FROM spans
    WHERE product IS NOT NULL GROUP BY product, customer
    UNION ALL
    SELECT NULL, bit_or(month_bits) FROM spans GROUP BY customer
),
alike AS (
    SELECT product, month_bits, count(*) AS n FROM customers GROUP BY product, month_bits
),
counted AS (
    SELECT product, month, sum(n)::BIGINT AS n,
        sum(n) FILTER (month_index > 0 AND (month_bits >> (month_index - 1)) & 1 = 1)::BIGINT AS kept
    FROM alike JOIN months ON (month_bits >> month_index) & 1 = 1
    WHERE in_view GROUP BY product, month
)
SELECT p.product, strftime(m.month, '%Y-%m') AS month,
    CASE WHEN has_flows THEN coalesce(this.kept, 0) END AS existing,
    CASE WHEN has_flows THEN coalesce(this.n, 0) - coalesce(this.kept, 0) END AS added,
    CASE WHEN has_flows THEN coalesce(before.n, 0) - coalesce(this.kept, 0) END AS churned
FROM months m
CROSS JOIN (SELECT NULL AS product UNION SELECT product FROM customers) p
LEFT JOIN counted this ON this.product IS NOT DISTINCT FROM p.product AND this.month = m.month
LEFT JOIN counted before ON before.product IS NOT DISTINCT FROM p.product
    AND before.month = (m.month - INTERVAL 1 MONTH)::DATE
WHERE in_range
ORDER BY p.product NULLS FIRST, month
