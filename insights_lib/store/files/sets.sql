-- The sets of docs/definitions.md, of all months that were read: C(m), A(m) where usage is known,
-- added(m) and churned(m) where flows are; before them the spans of which they are made.

CREATE TABLE subscription_spans AS
    WITH ids AS (
        SELECT subscription, row_number() OVER (ORDER BY subscription) AS number
        FROM (SELECT DISTINCT subscription FROM span_keys WHERE subscription IS NOT NULL)
    )
    SELECT span_keys.* EXCLUDE (last_month) REPLACE (number AS subscription)
    FROM span_keys LEFT JOIN ids USING (subscription);
CREATE VIEW subscriptions AS
    SELECT month, subscription_spans.* EXCLUDE (month_bits, span)
    FROM months JOIN subscription_spans ON (month_bits >> month_index) & 1 = 1;
-- The months of each customer, and those of them with use, where that is known, as bits.
CREATE TEMP TABLE customer_months AS
    WITH held AS (
        SELECT customer, bit_or(month_bits) AS month_bits FROM subscription_spans GROUP BY customer
    ),
    used AS (
        SELECT customer, bit_or(1::HUGEINT << month_index) AS used_bits
        FROM usage JOIN months USING (month) WHERE has_usage GROUP BY customer
    )
    SELECT customer, month_bits, month_bits & coalesce(used_bits, 0) AS active_bits
    FROM held LEFT JOIN used USING (customer);
CREATE TEMP VIEW stays_by_month AS
    SELECT month, customer, has_flows,
        (month_bits >> month_index) & 1 = 1 AS is_here,
        (active_bits >> month_index) & 1 = 1 AS is_active,
        month_index > 0 AND (month_bits >> (month_index - 1)) & 1 = 1 AS was_here
    FROM customer_months CROSS JOIN months;
CREATE TABLE current AS SELECT month, customer FROM stays_by_month WHERE is_here;
CREATE TABLE active AS SELECT month, customer FROM stays_by_month WHERE is_active;
CREATE TABLE added AS
    SELECT month, customer FROM stays_by_month WHERE has_flows AND is_here AND NOT was_here;
CREATE TABLE churned AS
    SELECT month, customer FROM stays_by_month WHERE has_flows AND was_here AND NOT is_here;
