WITH first_seen AS (SELECT customer, min(month) AS month FROM current GROUP BY customer),
counted AS (
    SELECT added.month, count(*) AS added, count(first_seen.month) AS new
    FROM added LEFT JOIN first_seen USING (month, customer) GROUP BY added.month
),
sizes AS (SELECT month, count(*) AS n FROM current GROUP BY month),
gone AS (SELECT month, count(*) AS n FROM churned GROUP BY month)
SELECT strftime(m.month, '%Y-%m') AS month,
    CASE WHEN has_flows THEN coalesce(before.n, 0) END AS start,
    CASE WHEN has_flows THEN coalesce(counted.new, 0) END AS new,
    CASE WHEN has_flows THEN coalesce(counted.added - counted.new, 0) END AS returning,
    CASE WHEN has_flows THEN coalesce(gone.n, 0) END AS churned,
    CASE WHEN covered THEN coalesce(now.n, 0) END AS "end"
FROM months m
LEFT JOIN sizes now ON now.month = m.month
LEFT JOIN sizes before ON before.month = (m.month - INTERVAL 1 MONTH)::DATE
LEFT JOIN counted ON counted.month = m.month
LEFT JOIN gone ON gone.month = m.month
WHERE in_range ORDER BY m.month
