SELECT signal, CASE WHEN {latest} IS NOT NULL THEN coalesce(signals.customers, 0) END AS customers,
    100 * customers / {all_current} AS share_pct
FROM (SELECT unnest([{names}]) AS signal) LEFT JOIN signals USING (signal)
ORDER BY list_position([{names}], signal)
