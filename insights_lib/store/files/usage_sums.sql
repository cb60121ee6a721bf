-- Which customer used which product when, and how much: see "Customer by customer" in
-- docs/definitions.md. Given is the view `usage_rows`: all rows of some months of usage datasets that the
-- product filter lets pass.

-- u(p, m): of the rows of a unit, which is a subscription or a workload, the largest counts of a
-- subscription and the sum of a workload. Subscriptions add up; of workloads, which share their users,
-- the largest counts. Rows without a unit add up.
INSERT INTO usage_sums
WITH rows AS (
    SELECT * EXCLUDE amount, CASE
        WHEN per_subscription THEN subscription
        WHEN product IN ('Office 365', 'Enterprise Mobility + Security')
            THEN coalesce(workload, '')
    END AS unit,
    CASE WHEN duplicate IS NOT true THEN amount END AS amount
    FROM usage_rows
),
units AS (
    SELECT month, customer, product, per_subscription, unit, bool_or(used) AS used,
        CASE WHEN per_subscription THEN max(amount) ELSE sum(amount) END AS amount
    FROM rows WHERE unit IS NOT NULL GROUP BY month, customer, product, per_subscription, unit
    UNION ALL
    SELECT month, customer, product, per_subscription, unit, used, amount
    FROM rows WHERE unit IS NULL
)
SELECT month, customer, product, bool_or(used) AS used, count(amount) > 0 AS has_amount,
    coalesce(max(amount) FILTER (unit IS NOT NULL AND NOT per_subscription), 0)
    + coalesce(sum(amount) FILTER (unit IS NULL OR per_subscription), 0) AS amount
FROM units GROUP BY month, customer, product;
