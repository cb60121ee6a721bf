-- A row for each dimension that is asked for, instead of a column.
SELECT dimension, value, count(DISTINCT customer) AS customers,
    100 * customers / {all_current} AS share_pct
FROM (
    UNPIVOT (FROM subscriptions WHERE month = {latest}) ON {columns}
    INTO NAME dimension VALUE value
)
GROUP BY dimension, value
ORDER BY list_position([{names}], dimension), customers DESC, value
