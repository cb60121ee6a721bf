-- What the page needs to make the tables of customers.sql again for any selection of its reader. A
-- filter passes or excludes a whole span; so what counts of a span is what it had in its own last
-- month in view: that is the customer's last month, or the span does not count there.
-- signals.sql goes before, and `span_keys` is subscription_spans with subscriptions as text and the
-- last month in view of each.

-- Fractions add up to slightly different sums in another order, and threads have no order.
CREATE TEMP MACRO total(amount) AS round(sum(amount), 6);

-- Unit is the same for all spans of a subscription.
CREATE TEMP TABLE spans AS
SELECT *, CASE WHEN subscription IS NOT NULL
    THEN min(span) OVER (PARTITION BY customer, product, sku, subscription) END AS unit
FROM span_keys;

CREATE TEMP TABLE span_rows AS
SELECT span, unit, month, is_active, month = last_month AS is_last,
    nullif(customer_name, 'Unknown') AS customer_name,
    seats, assigned_seats, billed_revenue, azure_consumed, end_date, auto_renew, duplicate
FROM sold_rows rows CROSS JOIN bounds
JOIN spans keys ON rows.customer = keys.customer
    AND rows.subscription IS NOT DISTINCT FROM keys.subscription AND $same_dimensions
WHERE month >= least(month_before, three_before);

CREATE TABLE details_names AS
SELECT span, min(customer_name) AS name
FROM span_rows WHERE is_active AND is_last GROUP BY span HAVING name IS NOT NULL;
-- A reader can choose months before those in view: of spans that end there, the last name.
INSERT INTO details_names
WITH ended AS (
    SELECT keys.* EXCLUDE last_month, max(month) AS last_month
    FROM spans keys JOIN months ON (month_bits >> month_index) & 1 = 1
    WHERE last_month IS NULL GROUP BY ALL
)
SELECT span, min(nullif(rows.customer_name, 'Unknown')) AS name
FROM active_rows rows JOIN ended keys ON month = last_month AND rows.customer = keys.customer
    AND rows.subscription IS NOT DISTINCT FROM keys.subscription AND $same_dimensions
GROUP BY span HAVING name IS NOT NULL;

-- As the lines of signals.sql, but one for each span.
CREATE TABLE details_lines AS
WITH last_rows AS (SELECT * FROM span_rows WHERE is_active AND is_last)
SELECT span, max(seats) AS seats, max(assigned_seats) AS assigned_seats,
    max(end_date) AS end_date,
    coalesce(bool_or(auto_renew), false) AS renews,
    coalesce(bool_or(NOT auto_renew), false) AS does_not_renew
FROM last_rows WHERE unit IS NOT NULL GROUP BY span
UNION ALL
SELECT span, seats, assigned_seats, end_date,
    coalesce(auto_renew, false), coalesce(NOT auto_renew, false)
FROM last_rows WHERE unit IS NULL AND duplicate IS NOT true;

CREATE TABLE details_seats_before AS
WITH before AS (
    SELECT * FROM span_rows CROSS JOIN bounds
    WHERE is_active AND month = three_before AND seats IS NOT NULL
)
SELECT span, max(seats) AS seats FROM before WHERE unit IS NOT NULL GROUP BY span
UNION ALL
SELECT span, seats FROM before WHERE unit IS NULL AND duplicate IS NOT true;

-- What was billed in a month counts whatever the state of the subscription was then. Of a
-- subscription with several rows in a month the largest value counts: months that several of its
-- spans share stay by themselves, all others are one sum.
CREATE TABLE details_amounts AS
WITH billed AS (
    SELECT span, unit, month, 1::HUGEINT << month_index AS month_bit, billed_revenue, azure_consumed,
        duplicate
    FROM span_rows JOIN months USING (month)
    WHERE in_range AND coalesce(billed_revenue, azure_consumed) IS NOT NULL
),
-- Nearly all have one row a month, in one span: these need not be grouped by month.
simple AS (
    SELECT unit FROM billed WHERE unit IS NOT NULL
    GROUP BY unit HAVING count(*) = bit_count(bit_or(month_bit))
),
by_month AS (
    SELECT span, unit, month, max(billed_revenue) AS billed, max(azure_consumed) AS consumed
    FROM billed ANTI JOIN simple USING (unit) WHERE unit IS NOT NULL GROUP BY span, unit, month
    UNION ALL
    SELECT span, unit, month, billed_revenue, azure_consumed
    FROM billed WHERE unit IS NULL AND duplicate IS NOT true
),
shared AS (
    SELECT unit, month FROM by_month GROUP BY unit, month HAVING count(*) > 1
)
SELECT span, shared.month, total(billed) AS billed, total(consumed) AS consumed
FROM by_month LEFT JOIN shared USING (unit, month) GROUP BY span, shared.month
UNION ALL
SELECT span, NULL, total(billed_revenue), total(azure_consumed)
FROM billed SEMI JOIN simple USING (unit) GROUP BY span;

CREATE TABLE details_use AS FROM use_by_product;
CREATE TABLE details_months_of_use AS
SELECT product::VARCHAR AS product, count(*) AS months FROM usage_months GROUP BY ALL;
CREATE TABLE details_keys AS FROM customer_keys;
