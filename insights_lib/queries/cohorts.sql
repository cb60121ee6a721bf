WITH first_seen AS (SELECT customer, min(month) AS month FROM current GROUP BY customer),
members AS (
    SELECT month AS cohort, customer FROM added JOIN first_seen USING (month, customer)
    JOIN months USING (month) WHERE in_range
),
stayed AS (
    SELECT cohort, current.month, count(*) AS n
    FROM members JOIN current USING (customer) GROUP BY cohort, current.month
),
sizes AS (SELECT cohort, count(*) AS n FROM members GROUP BY cohort)
SELECT strftime(sizes.cohort, '%Y-%m') AS cohort, m.month_index - c.month_index AS months_since,
    CASE WHEN m.covered THEN coalesce(stayed.n, 0) END AS customers,
    100 * customers / sizes.n AS share_pct
FROM sizes
JOIN months c ON c.month = sizes.cohort
JOIN months m ON m.month >= sizes.cohort
LEFT JOIN stayed ON stayed.cohort = sizes.cohort AND stayed.month = m.month
ORDER BY 1, 2
