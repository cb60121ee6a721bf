-- The sets of docs/definitions.md, of all months that were read: C(m), A(m) where usage is known,
-- added(m) and churned(m) where flows are; before them the spans of which they are made.

CREATE TABLE subscription_spans AS
    SELECT * EXCLUDE (last_month) REPLACE (
        CASE WHEN subscription IS NOT NULL
            THEN dense_rank() OVER (ORDER BY subscription) END AS subscription
    )
    FROM span_keys;
CREATE VIEW subscriptions AS
    SELECT month, subscription_spans.* EXCLUDE (month_bits, span)
    FROM months JOIN subscription_spans ON (month_bits >> month_index) & 1 = 1;
CREATE TEMP TABLE stays_by_month AS
    WITH bits AS (
        SELECT customer, bit_or(month_bits) AS month_bits FROM subscription_spans GROUP BY customer
    )
    SELECT month, customer, has_flows,
        (month_bits >> month_index) & 1 = 1 AS is_here,
        month_index > 0 AND (month_bits >> (month_index - 1)) & 1 = 1 AS was_here
    FROM bits CROSS JOIN months WHERE is_here OR was_here;
CREATE TABLE current AS SELECT month, customer FROM stays_by_month WHERE is_here;
CREATE TABLE active AS
    SELECT month, customer FROM current SEMI JOIN usage USING (month, customer)
    WHERE month IN (SELECT month FROM months WHERE has_usage);
CREATE TABLE added AS
    SELECT month, customer FROM stays_by_month WHERE has_flows AND is_here AND NOT was_here;
CREATE TABLE churned AS
    SELECT month, customer FROM stays_by_month WHERE has_flows AND was_here AND NOT is_here;
