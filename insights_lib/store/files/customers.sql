-- Customer by customer, as docs/definitions.md defines it: the tables `customers`, `renewals` and
-- `signals` of a slice. It is given the as-of date, and these tables:
--   months, current, active, added, churned  as Slice describes them
--   active_rows                          the active rows that pass F, with all that the store keeps
--   sold_rows                            the same in any state
--   usage_rows                           rows of usage datasets that the product filter lets pass
--   usage_months                         product, month of the range with any row of its dataset
--   customer_keys                        customer, key

CREATE TEMP TABLE bounds AS
SELECT min(month) FILTER (in_range) AS first_of_range,
    (min(month) FILTER (in_range) - INTERVAL 1 MONTH)::DATE AS month_before,
    max(month) FILTER (in_range AND covered) AS latest,
    (max(month) FILTER (in_range AND covered) - INTERVAL 3 MONTH)::DATE AS three_before
FROM months;

-- For seats, revenue and dates: one line per id, product and SKU; a row without an id stands for
-- itself, and counts only if it is not a duplicate.
CREATE TEMP TABLE lines AS
SELECT customer, month, product, sku, subscription,
    max(seats) AS seats,
    max(assigned_seats) AS assigned_seats,
    max(end_date) AS end_date,
    coalesce(bool_or(auto_renew), false) AS renews,
    coalesce(bool_or(NOT auto_renew), false) AS does_not_renew
FROM (
    SELECT *, CASE WHEN subscription IS NULL THEN row_number() OVER () END AS own
    FROM active_rows
    WHERE month >= (SELECT least(month_before, three_before) FROM bounds)
        AND (subscription IS NOT NULL OR duplicate IS NOT true)
)
GROUP BY customer, month, product, sku, subscription, own;

CREATE TEMP TABLE listed AS
SELECT customer, max(month) AS last_month
FROM current WHERE month >= (SELECT month_before FROM bounds) GROUP BY customer;

CREATE TEMP TABLE stays AS
SELECT l.customer, l.last_month,
    l.last_month IS NOT DISTINCT FROM latest AS is_current,
    first_ever,
    (SELECT covered FROM months m WHERE m.month = (first_ever - INTERVAL 1 MONTH)::DATE)
        AS first_is_known,
    (SELECT max(a.month) FROM added a JOIN months USING (month)
     WHERE in_range AND a.customer = l.customer) AS added_month,
    (SELECT max(c.month) FROM churned c JOIN months USING (month)
     WHERE in_range AND c.customer = l.customer) AS churned_month
FROM listed l
CROSS JOIN bounds
JOIN (SELECT customer, min(month) AS first_ever FROM current GROUP BY customer) USING (customer);

-- u(p, m), the use of a product in a month of the range.
CREATE TEMP TABLE use AS
WITH counted AS (
    SELECT * FROM usage_rows WHERE duplicate IS NOT true AND amount IS NOT NULL
        AND customer IN (SELECT customer FROM listed)
        AND month >= (SELECT first_of_range FROM bounds)
),
by_workload AS (
    SELECT customer, product, month, sum(amount) AS amount
    FROM counted WHERE NOT per_subscription
    GROUP BY customer, product, month,
        CASE WHEN product IN ('Office 365', 'Enterprise Mobility + Security')
            THEN coalesce(workload, '') END
),
by_subscription AS (
    SELECT customer, product, month, sum(amount) AS amount
    FROM (
        SELECT customer, product, month, max(amount) AS amount
        FROM (
            SELECT *, CASE WHEN subscription IS NULL THEN row_number() OVER () END AS own
            FROM counted WHERE per_subscription
        )
        GROUP BY customer, product, month, subscription, own
    )
    GROUP BY customer, product, month
)
SELECT customer, product, month, sum(amount) AS amount
FROM (
    SELECT customer, product, month, max(amount) AS amount FROM by_workload
    GROUP BY customer, product, month
    UNION ALL FROM by_subscription
)
GROUP BY customer, product, month;

CREATE TEMP TABLE ranked_months AS
SELECT product, month,
    row_number() OVER (PARTITION BY product ORDER BY month DESC) AS from_end,
    count(*) OVER (PARTITION BY product) AS months_of_product
FROM usage_months;

CREATE TEMP TABLE usage_changes AS
SELECT customer, product AS usage_change_product, usage_change_pct
FROM (
    SELECT customer, product,
        sum(amount) FILTER (from_end <= 3) / 3 AS later,
        sum(amount) FILTER (from_end > 3) / 3 AS earlier,
        100 * (coalesce(later, 0) - earlier) / nullif(earlier, 0) AS usage_change_pct
    FROM use JOIN ranked_months USING (product, month)
    WHERE from_end <= 6 AND months_of_product >= 6
    GROUP BY customer, product
)
WHERE usage_change_pct IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY customer ORDER BY usage_change_pct, product) = 1;

CREATE TEMP TABLE ends AS
WITH ahead AS (
    SELECT customer, end_date, renews, does_not_renew
    FROM lines CROSS JOIN bounds
    WHERE month = latest AND end_date >= getvariable('as_of')
),
next AS (SELECT customer, min(end_date) AS next_end FROM ahead GROUP BY customer)
SELECT customer, next_end,
    CASE
        WHEN bool_or(renews) AND bool_or(does_not_renew) THEN 'mixed'
        WHEN bool_or(renews) THEN 'yes'
        WHEN bool_or(does_not_renew) THEN 'no'
    END AS auto_renew
FROM next JOIN ahead USING (customer) WHERE end_date = next_end GROUP BY customer, next_end;

CREATE TEMP TABLE seats_by_month AS
SELECT customer, month, sum(seats) AS seats, sum(assigned_seats) AS assigned_seats
FROM lines GROUP BY customer, month;

-- What was billed in a month counts whatever the state of the subscription was then.
CREATE TEMP TABLE amounts AS
SELECT customer, sum(billed) AS billed_revenue_usd, sum(consumed) AS azure_consumed_usd
FROM (
    SELECT customer, max(billed_revenue) AS billed, max(azure_consumed) AS consumed
    FROM (
        SELECT *, CASE WHEN subscription IS NULL THEN row_number() OVER () END AS own
        FROM sold_rows
        WHERE month >= (SELECT first_of_range FROM bounds)
            AND (subscription IS NOT NULL OR duplicate IS NOT true)
    )
    GROUP BY customer, month, product, sku, subscription, own
)
GROUP BY customer;

CREATE TEMP TABLE signalled AS
WITH used AS (
    SELECT customer, product,
        max(amount) FILTER (from_end <= 2) > 0 AS lately
    FROM use JOIN ranked_months USING (product, month)
    GROUP BY customer, product HAVING max(amount) > 0
),
held AS (
    SELECT DISTINCT customer, product, month FROM active_rows CROSS JOIN bounds
    WHERE month BETWEEN three_before AND latest
),
unused AS (
    SELECT DISTINCT customer FROM held CROSS JOIN bounds
    JOIN ranked_months r USING (product)
    WHERE held.month = latest AND months_of_product >= 3
)
SELECT customer,
    coalesce(usage_change_pct <= -30, false) AS usage_falling,
    coalesce((SELECT NOT bool_or(coalesce(lately, false)) FROM used u
              WHERE u.customer = s.customer), false) AS usage_stopped,
    customer IN (SELECT customer FROM unused) AND customer NOT IN (
        SELECT customer FROM active JOIN months USING (month) WHERE in_range
    ) AS never_used,
    coalesce(now.seats <= 0.8 * three.seats AND three.seats > 0, false) AS seats_falling,
    customer IN (
        SELECT customer FROM (
            SELECT customer, product FROM held CROSS JOIN bounds WHERE month < latest
            EXCEPT SELECT customer, product FROM held CROSS JOIN bounds WHERE month = latest
        )
    ) AS product_dropped,
    coalesce(next_end <= (getvariable('as_of') + 90) AND auto_renew IS DISTINCT FROM 'yes', false) AS ends_soon
FROM stays s
CROSS JOIN bounds
LEFT JOIN usage_changes USING (customer)
LEFT JOIN ends USING (customer)
LEFT JOIN seats_by_month now ON now.customer = s.customer AND now.month = latest
LEFT JOIN seats_by_month three ON three.customer = s.customer AND three.month = three_before
WHERE is_current;

CREATE TABLE signals AS
SELECT signal, count(*) FILTER (holds) AS customers
FROM (UNPIVOT signalled ON COLUMNS (* EXCLUDE customer) INTO NAME signal VALUE holds)
GROUP BY signal;

CREATE TABLE renewals AS
SELECT product,
    CASE
        WHEN end_date < getvariable('as_of') THEN 'past'
        WHEN end_date >= (date_trunc('month', getvariable('as_of')) + INTERVAL 12 MONTH)::DATE THEN 'later'
        ELSE strftime(end_date, '%Y-%m')
    END AS month,
    count(*) AS subscriptions,
    count(DISTINCT customer) AS customers,
    sum(seats) AS seats,
    count(*) FILTER (does_not_renew) AS without_auto_renew
FROM lines CROSS JOIN bounds
WHERE lines.month = latest AND subscription IS NOT NULL AND end_date IS NOT NULL
GROUP BY ALL;

CREATE TABLE customers AS
WITH at_last AS (
    SELECT customer,
        min(customer_name) AS customer_name,
        string_agg(DISTINCT customer_market, '; ' ORDER BY customer_market) AS customer_market,
        string_agg(DISTINCT customer_segment, '; ' ORDER BY customer_segment) AS customer_segment,
        string_agg(DISTINCT partner_location, '; ' ORDER BY partner_location) AS partner_location,
        string_agg(DISTINCT partner_attribution, '; ' ORDER BY partner_attribution)
            AS partner_attribution,
        string_agg(DISTINCT sales_channel, '; ' ORDER BY sales_channel) AS sales_channel,
        string_agg(DISTINCT product, '; ' ORDER BY product) AS products,
        string_agg(DISTINCT sku, '; ' ORDER BY sku) AS skus,
        count(DISTINCT subscription) AS subscriptions
    FROM active_rows r JOIN listed USING (customer) WHERE r.month = last_month GROUP BY customer
),
of_customer AS (
    SELECT customer, string_agg(signal, '; ' ORDER BY list_position(getvariable('signals'), signal)) AS signals
    FROM (UNPIVOT signalled ON COLUMNS (* EXCLUDE customer) INTO NAME signal VALUE holds)
    WHERE holds GROUP BY customer
),
last_used AS (
    SELECT customer, max(month) AS last_usage_month FROM use WHERE amount > 0 GROUP BY customer
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

DROP TABLE bounds; DROP TABLE lines; DROP TABLE listed; DROP TABLE stays; DROP TABLE use;
DROP TABLE ranked_months; DROP TABLE usage_changes; DROP TABLE ends; DROP TABLE seats_by_month;
DROP TABLE amounts; DROP TABLE signalled;
