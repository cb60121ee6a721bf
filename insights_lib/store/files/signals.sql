-- Signals and renewals, and the temporary tables that customers.sql needs, too: see "Customer by
-- customer" in docs/definitions.md. Given are the variables `as_of` and `signals`, and these tables:
--   months, subscriptions, current, active, added, churned  as Slice describes them
--   active_rows                          the active rows that pass F, with all that the store keeps
--   sold_rows                            the same in any state
--   use                                  customer, product, month of the range, amount: u(p, m)
--   usage_months                         product, month of the range with any row of its dataset
--   customer_keys                        customer, key

CREATE TEMP TABLE bounds AS
SELECT min(month) FILTER (in_range) AS first_of_range,
    (min(month) FILTER (in_range) - INTERVAL 1 MONTH)::DATE AS month_before,
    max(month) FILTER (in_range AND covered) AS latest,
    (max(month) FILTER (in_range AND covered) - INTERVAL 3 MONTH)::DATE AS three_before
FROM months;

CREATE TEMP TABLE listed AS
SELECT customer, max(month) AS last_month
FROM current WHERE month >= (SELECT month_before FROM bounds) GROUP BY customer;

SET VARIABLE latest = (SELECT latest FROM bounds);
SET VARIABLE three_before = (SELECT three_before FROM bounds);

-- For seats and dates, of the months that are asked for: one line per id, product and SKU; a row
-- without an id stands for itself, and counts only if it is not a duplicate. The last month of those
-- who left is for the list of customers alone.
CREATE TEMP TABLE lines AS
WITH asked AS (
    SELECT rows.* FROM active_rows rows JOIN listed USING (customer)
    WHERE month IN (getvariable('latest'), getvariable('three_before'))
        OR (getvariable('is_executive') AND month = last_month)
)
SELECT customer, month, product, sku, subscription,
    max(seats) AS seats,
    max(assigned_seats) AS assigned_seats,
    max(end_date) AS end_date,
    coalesce(bool_or(auto_renew), false) AS renews,
    coalesce(bool_or(NOT auto_renew), false) AS does_not_renew
FROM asked WHERE subscription IS NOT NULL
GROUP BY customer, month, product, sku, subscription
UNION ALL
SELECT customer, month, product, sku, subscription, seats, assigned_seats, end_date,
    coalesce(auto_renew, false), coalesce(NOT auto_renew, false)
FROM asked WHERE subscription IS NULL AND duplicate IS NOT true;

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

-- What the use of each product says: its change over the last six months of its data, whether there
-- was any in the range and in the last two months, and the last month with any.
CREATE TEMP TABLE use_by_product AS
WITH ranked AS (
    SELECT product, month,
        row_number() OVER (PARTITION BY product ORDER BY month DESC) AS from_end,
        count(*) OVER (PARTITION BY product) AS months_of_product
    FROM usage_months
)
SELECT customer, product::VARCHAR AS product,
    CASE WHEN any_value(months_of_product) >= 6
        THEN coalesce(sum(amount) FILTER (from_end BETWEEN 4 AND 6), 0) END AS earlier,
    coalesce(sum(amount) FILTER (from_end <= 3), 0) AS later,
    100 * (later - earlier) / nullif(earlier, 0) AS change_pct,
    max(amount) > 0 AS used,
    coalesce(bool_or(amount <> 0) FILTER (from_end <= 2), false) AS used_lately, -- credits, too
    max(month) FILTER (amount > 0) AS last_month
FROM use SEMI JOIN listed USING (customer) JOIN ranked USING (product, month)
GROUP BY ALL;

-- Nothing else needs them, and they are as large as all usage.
DROP VIEW use;
DROP TABLE usage_sums;

CREATE TEMP TABLE usage_changes AS
SELECT customer, product AS usage_change_product, change_pct AS usage_change_pct
FROM use_by_product WHERE change_pct IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY customer ORDER BY change_pct, product) = 1;

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

CREATE TEMP TABLE signalled AS
WITH held AS (
    SELECT DISTINCT customer, product, month FROM subscriptions CROSS JOIN bounds
    WHERE month BETWEEN three_before AND latest
),
unused AS (
    SELECT DISTINCT customer FROM held CROSS JOIN bounds
    WHERE held.month = latest AND product IN (
        SELECT product FROM usage_months GROUP BY product HAVING count(*) >= 3
    )
),
dropped AS (
    SELECT customer, product FROM held CROSS JOIN bounds WHERE month < latest
    EXCEPT SELECT customer, product FROM held CROSS JOIN bounds WHERE month = latest
),
stopped AS (
    SELECT customer FROM use_by_product WHERE used
    GROUP BY customer HAVING NOT bool_or(used_lately)
)
SELECT customer,
    coalesce(usage_change_pct <= -30, false) AS usage_falling,
    customer IN (SELECT customer FROM stopped) AS usage_stopped,
    customer IN (SELECT customer FROM unused) AND customer NOT IN (
        SELECT customer FROM active JOIN months USING (month) WHERE in_range
    ) AS never_used,
    coalesce(10 * now.seats <= 8 * three.seats AND three.seats > 0, false) AS seats_falling,
    customer IN (SELECT customer FROM dropped) AS product_dropped,
    coalesce(next_end <= getvariable('as_of') + 90, false)
        AND auto_renew IS DISTINCT FROM 'yes' AS ends_soon
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
        WHEN end_date >= (date_trunc('month', getvariable('as_of')) + INTERVAL 12 MONTH)::DATE
            THEN 'later'
        ELSE strftime(end_date, '%Y-%m')
    END AS month,
    count(*) AS subscriptions,
    count(DISTINCT customer) AS customers,
    sum(seats) AS seats,
    count(*) FILTER (does_not_renew) AS without_auto_renew
FROM lines CROSS JOIN bounds
WHERE lines.month = latest AND subscription IS NOT NULL AND end_date IS NOT NULL
    AND product IS NOT NULL
GROUP BY ALL;

-- Idle seats are told where both numbers are.
CREATE TABLE seats AS
SELECT product, sum(seats) AS seats, sum(assigned_seats) AS assigned_seats,
    sum(seats - assigned_seats) AS idle_seats
FROM lines CROSS JOIN bounds
WHERE lines.month = latest AND product IS NOT NULL
GROUP BY product HAVING count(seats) + count(assigned_seats) > 0;
