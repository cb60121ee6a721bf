-- Customer by customer, as docs/definitions.md defines it; signals.sql and details.sql go before.

-- A month that several spans of a subscription share stands by itself: the largest value counts.
CREATE TEMP TABLE amounts AS
WITH by_subscription AS (
    SELECT customer, max(billed) AS billed, max(consumed) AS consumed
    FROM details_amounts JOIN spans USING (span) WHERE month IS NOT NULL
    GROUP BY customer, unit, month
    UNION ALL
    SELECT customer, billed, consumed
    FROM details_amounts JOIN spans USING (span) WHERE month IS NULL
)
SELECT customer, total(billed) AS billed_revenue_usd, total(consumed) AS azure_consumed_usd
FROM by_subscription GROUP BY customer;

-- The different texts in their order; null if there is none.
CREATE TEMP MACRO joined(texts) AS
    nullif(array_to_string(list_sort(list_distinct(texts)), '; '), '');

CREATE TEMP TABLE at_last AS
SELECT customer,
    min(name) AS customer_name,
    joined(list(customer_market)) AS customer_market,
    joined(list(customer_segment)) AS customer_segment,
    joined(list(partner_location)) AS partner_location,
    joined(list(partner_attribution)) AS partner_attribution,
    joined(list(sales_channel)) AS sales_channel,
    joined(list(product)) AS products,
    joined(list(sku)) AS skus,
    count(DISTINCT subscription) AS subscriptions
FROM spans JOIN listed USING (customer, last_month) LEFT JOIN details_names USING (span)
GROUP BY customer;

CREATE TABLE customers AS
WITH of_customer AS (
    SELECT customer,
        string_agg(signal, '; ' ORDER BY list_position(getvariable('signals'), signal)) AS signals
    FROM (UNPIVOT signalled ON COLUMNS (* EXCLUDE customer) INTO NAME signal VALUE holds)
    WHERE holds GROUP BY customer
),
last_used AS (
    SELECT customer, max(last_month) AS last_usage_month FROM use_by_product GROUP BY customer
)
SELECT s.customer AS number, key AS customer,
    coalesce(customer_name, 'Unknown') AS customer_name,
    CASE
        WHEN NOT is_current THEN 'churned'
        WHEN added_month IS NULL THEN 'existing'
        WHEN first_ever < added_month THEN 'returned'
        ELSE 'new'
    END AS status,
    CASE WHEN first_is_known THEN first_ever END AS first_month,
    last_month, added_month,
    CASE WHEN NOT is_current THEN churned_month END AS churned_month,
    customer_market, customer_segment, partner_location, partner_attribution, sales_channel,
    products, skus,
    CASE WHEN (SELECT has_ids FROM months CROSS JOIN bounds WHERE month = latest)
        THEN at_last.subscriptions END AS subscriptions,
    b.seats, b.assigned_seats, billed_revenue_usd, azure_consumed_usd,
    CASE WHEN is_current THEN next_end END AS next_end,
    CASE WHEN is_current THEN auto_renew END AS auto_renew,
    last_usage_month, usage_change_pct, usage_change_product,
    signals
FROM stays s
JOIN customer_keys USING (customer)
JOIN at_last USING (customer)
LEFT JOIN seats_by_month b ON b.customer = s.customer AND b.month = s.last_month
LEFT JOIN amounts ON amounts.customer = s.customer
LEFT JOIN ends ON ends.customer = s.customer
LEFT JOIN last_used ON last_used.customer = s.customer
LEFT JOIN usage_changes ON usage_changes.customer = s.customer
LEFT JOIN of_customer ON of_customer.customer = s.customer;
