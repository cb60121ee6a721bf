-- Customers of each partner's last month, and what changed against the month before. `wanted` has
-- the files of each partner that hold its rows of these two months, and `is_last`.

WITH held AS (
    SELECT DISTINCT partner, is_last, customer
    FROM read_parquet($files, hive_partitioning = false, filename = true) rows
    JOIN wanted ON wanted.file = rows.filename AND wanted.month = rows.month
    WHERE lower(state) = 'active' AND customer IS NOT NULL
),
by_customer AS (
    SELECT partner, bool_or(is_last) AS now, bool_or(NOT is_last) AS before
    FROM held GROUP BY partner, customer
),
counts AS (
    SELECT partner, count(*) FILTER (now) AS customers,
        count(*) FILTER (now AND NOT before) AS added,
        count(*) FILTER (before AND NOT now) AS churned
    FROM by_customer GROUP BY partner
),
covered AS (
    SELECT partner, bool_or(NOT is_last) AS has_flows FROM wanted GROUP BY partner
)
SELECT partner, coalesce(customers, 0) AS customers,
    CASE WHEN has_flows THEN coalesce(added, 0) END AS added,
    CASE WHEN has_flows THEN coalesce(churned, 0) END AS churned
FROM covered LEFT JOIN counts USING (partner)
