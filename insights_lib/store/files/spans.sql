-- A subscription is much the same from month to month, so spans are a tenth of the rows: a span is all
-- rows of a customer with the same subscription and dimensions. Given are the view `sold_rows` and
-- the table `months`. `last_month` is the last one in view with an active row. A span that was never
-- active is for executive report viewers alone: without a month, if it has revenue in the range.
CREATE TEMP TABLE span_keys AS
WITH rows AS (
    SELECT *, CASE
        WHEN is_active THEN 1::HUGEINT << month_index
        WHEN getvariable('is_executive') AND in_range
            AND coalesce(billed_revenue, azure_consumed) IS NOT NULL THEN 0::HUGEINT
    END AS month_bit
    FROM sold_rows JOIN months USING (month)
)
SELECT customer, subscription, $dimensions,
    bit_or(month_bit) AS month_bits,
    max(month) FILTER (is_active AND in_view) AS last_month,
    (row_number() OVER ())::INTEGER AS span
FROM rows WHERE month_bit IS NOT NULL GROUP BY ALL;
