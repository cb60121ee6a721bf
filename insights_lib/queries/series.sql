-- The series behind the cards, of all months that were read.
WITH in_month AS (
    SELECT month, 'current' AS kind, count(*) AS n FROM current GROUP BY month
    UNION ALL SELECT month, 'active', count(*) FROM active GROUP BY month
    UNION ALL SELECT month, 'added', count(*) FROM added GROUP BY month
    UNION ALL SELECT month, 'churned', count(*) FROM churned GROUP BY month
    UNION ALL
    SELECT month, 'subscription', sum(n)::BIGINT
    FROM (
        SELECT month_bits, count(*) AS n FROM (
            SELECT bit_or(month_bits) AS month_bits FROM subscription_spans
            WHERE subscription IS NOT NULL GROUP BY subscription
        ) GROUP BY month_bits
    )
    JOIN months ON (month_bits >> month_index) & 1 = 1 GROUP BY month
)
SELECT strftime(month, '%Y-%m') AS month, in_range,
    CASE WHEN covered THEN coalesce(any_value(n) FILTER (kind = 'current'), 0) END
        AS current_customers,
    CASE WHEN has_usage THEN coalesce(any_value(n) FILTER (kind = 'active'), 0) END
        AS active_customers,
    CASE WHEN has_ids THEN coalesce(any_value(n) FILTER (kind = 'subscription'), 0) END
        AS subscriptions,
    CASE WHEN has_flows THEN coalesce(any_value(n) FILTER (kind = 'added'), 0) END
        AS customers_added,
    CASE WHEN has_flows THEN coalesce(any_value(n) FILTER (kind = 'churned'), 0) END
        AS customers_churned
FROM months LEFT JOIN in_month USING (month)
GROUP BY month, in_range, covered, has_usage, has_ids, has_flows ORDER BY month
