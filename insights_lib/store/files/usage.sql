-- Of what usage_sums.sql has summed up: who used which product when, and how much of it in the months of
-- the range with any row of its dataset, which are in `usage_months`: product, month.
CREATE TABLE usage AS SELECT month, customer, product::VARCHAR AS product FROM usage_sums WHERE used;

CREATE TEMP VIEW use AS
SELECT customer, product, month, amount
FROM usage_sums SEMI JOIN usage_months USING (product, month) WHERE has_amount;
