WITH now AS (
    SELECT customer_market, count(DISTINCT customer) AS n FROM subscriptions
    WHERE month = {latest} GROUP BY customer_market
),
used AS (
    SELECT customer_market, count(DISTINCT customer) AS n
    FROM subscriptions SEMI JOIN active USING (month, customer)
    WHERE month = {latest_active} GROUP BY customer_market
),
new AS (
    SELECT customer_market, count(DISTINCT (month, customer)) AS n
    FROM subscriptions SEMI JOIN added USING (month, customer)
    SEMI JOIN (FROM months WHERE in_range) USING (month) GROUP BY customer_market
),
counted AS (
    SELECT customer_market,
        CASE WHEN {latest} IS NOT NULL THEN coalesce(now.n, 0) END AS current_customers,
        CASE WHEN {latest_active} IS NOT NULL THEN coalesce(used.n, 0) END AS active_customers,
        CASE WHEN (SELECT bool_or(has_flows) FROM months WHERE in_range) THEN coalesce(new.n, 0) END
            AS new_customers
    FROM now FULL JOIN used USING (customer_market) FULL JOIN new USING (customer_market)
)
SELECT customer_market,
    current_customers, 100 * current_customers / {all_current} AS current_pct,
    active_customers, 100 * active_customers / {all_active} AS active_pct,
    new_customers, 100 * new_customers / {all_added} AS new_pct
FROM counted
WHERE customer_market IS NOT NULL
ORDER BY current_customers DESC, customer_market
