-- Many customers have the same months: they are counted once for all of these.
WITH customers AS (
    SELECT dimension, value, bit_or(month_bits) AS month_bits
    FROM (UNPIVOT subscription_spans ON {columns} INTO NAME dimension VALUE value)
    GROUP BY dimension, value, customer
),
alike AS (
    SELECT dimension, value, month_bits, count(*) AS n
    FROM customers GROUP BY dimension, value, month_bits
)
SELECT dimension, value, strftime(m.month, '%Y-%m') AS month, sum(n)::BIGINT AS customers
FROM alike JOIN months m ON (month_bits >> month_index) & 1 = 1
WHERE in_range
GROUP BY dimension, value, m.month
ORDER BY list_position([{names}], dimension), value, m.month
