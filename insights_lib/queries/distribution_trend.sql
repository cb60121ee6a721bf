SELECT dimension, value, strftime(m.month, '%Y-%m') AS month, count(*) AS customers
FROM (
    SELECT dimension, value, bit_or(month_bits) AS month_bits
    FROM (UNPIVOT subscription_spans ON {columns} INTO NAME dimension VALUE value)
    GROUP BY dimension, value, customer
) JOIN months m ON (month_bits >> month_index) & 1 = 1
WHERE in_range
GROUP BY dimension, value, m.month
ORDER BY list_position([{names}], dimension), value, m.month
