-- Which customer used which product when, and how much: see "Customer by customer" in
-- docs/definitions.md. Given are the view `usage_rows`, rows of usage datasets that the product
-- filter lets pass, and `usage_months`: product, month of the range with any row of its dataset.

-- Rows of one workload add up, and so do those without a subscription where subscriptions are
-- told; of several rows of a subscription the largest counts.
CREATE TEMP TABLE usage_units AS
WITH rows AS (
    SELECT *, CASE
        WHEN per_subscription THEN subscription
        WHEN product IN ('Office 365', 'Enterprise Mobility + Security')
            THEN coalesce(workload, '')
    END AS unit
    FROM usage_rows
)
SELECT month, customer, product, per_subscription, bool_or(used) AS used,
    CASE WHEN per_subscription AND unit IS NOT NULL
        THEN max(amount) FILTER (duplicate IS NOT true)
        ELSE sum(amount) FILTER (duplicate IS NOT true)
    END AS amount
FROM rows GROUP BY month, customer, product, per_subscription, unit;

-- u(p, m): of workloads, which share their users, the largest counts.
CREATE TEMP TABLE usage_sums AS
SELECT month, customer, product, bool_or(used) AS used, count(amount) > 0 AS has_amount,
    coalesce(max(amount) FILTER (NOT per_subscription), 0)
    + coalesce(sum(amount) FILTER (per_subscription), 0) AS amount
FROM usage_units GROUP BY month, customer, product;

CREATE TABLE usage AS SELECT month, customer, product FROM usage_sums WHERE used;

CREATE TEMP VIEW use AS
SELECT customer, product, month, amount
FROM usage_sums SEMI JOIN usage_months USING (product, month) WHERE has_amount;
