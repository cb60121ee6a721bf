-- Rows that were never active have revenue alone, in spans without a month; spans.sql goes before.
INSERT INTO span_keys BY NAME
WITH never_active AS (
    SELECT DISTINCT customer, subscription, $dimensions FROM sold_rows rows
    WHERE NOT is_active AND month >= (SELECT min(month) FROM months WHERE in_range)
        AND (billed_revenue IS NOT NULL OR azure_consumed IS NOT NULL)
        AND NOT EXISTS (
            FROM span_keys keys WHERE rows.customer = keys.customer
                AND rows.subscription IS NOT DISTINCT FROM keys.subscription AND $same_dimensions
        )
)
SELECT *, 0 AS month_bits, (SELECT count(*) FROM span_keys) + row_number() OVER () AS span
FROM never_active;
