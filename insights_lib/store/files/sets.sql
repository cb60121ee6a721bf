-- The sets of docs/definitions.md, of all months that were read: C(m), A(m) where usage is known,
-- added(m) and churned(m) where flows are.

CREATE VIEW subscriptions AS
    SELECT month, subscription_spans.* EXCLUDE (month_bits, span)
    FROM months JOIN subscription_spans ON (month_bits >> month_index) & 1 = 1;
CREATE TABLE current AS
    SELECT month, customer
    FROM (
        SELECT customer, bit_or(month_bits) AS month_bits FROM subscription_spans GROUP BY customer
    )
    JOIN months ON (month_bits >> month_index) & 1 = 1;
CREATE TABLE active AS
    SELECT month, customer FROM current SEMI JOIN usage USING (month, customer)
    WHERE month IN (SELECT month FROM months WHERE has_usage);
CREATE TABLE added AS
    SELECT month, customer FROM current
    ANTI JOIN (SELECT (month + INTERVAL 1 MONTH)::DATE AS month, customer FROM current) before
    USING (month, customer)
    WHERE month IN (SELECT month FROM months WHERE has_flows);
CREATE TABLE churned AS
    SELECT month, customer
    FROM (SELECT (month + INTERVAL 1 MONTH)::DATE AS month, customer FROM current) before
    ANTI JOIN current USING (month, customer)
    WHERE month IN (SELECT month FROM months WHERE has_flows);
