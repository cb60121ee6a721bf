-- A subscription is much the same from month to month, so spans are a tenth of the rows: a span is all
-- active rows of a customer with the same subscription and dimensions. Given are the view
-- `active_rows` and the table `months`. `last_month` is the last one in view.
CREATE TEMP TABLE span_keys AS
SELECT customer, subscription, $dimensions,
    bit_or(1::HUGEINT << month_index) AS month_bits,
    max(month) FILTER (in_view) AS last_month,
    (row_number() OVER ())::INTEGER AS span
FROM active_rows JOIN months USING (month) GROUP BY ALL;
