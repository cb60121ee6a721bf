SELECT * EXCLUDE (number) REPLACE (
    strftime(first_month, '%Y-%m') AS first_month,
    strftime(last_month, '%Y-%m') AS last_month,
    strftime(added_month, '%Y-%m') AS added_month,
    strftime(churned_month, '%Y-%m') AS churned_month,
    strftime(next_end, '%Y-%m-%d') AS next_end,
    strftime(last_usage_month, '%Y-%m') AS last_usage_month
)
FROM customers ORDER BY status = 'churned', customer_name, customer
