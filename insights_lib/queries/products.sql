WITH counted AS (
    SELECT product, sku, count(DISTINCT customer) AS customers, grouping(sku) AS of_product
    FROM subscriptions WHERE month = {latest} AND product IS NOT NULL
    GROUP BY GROUPING SETS ((product), (product, sku))
)
SELECT product, coalesce(sku, '') AS sku, customers, 100 * customers / {all_current} AS share_pct
FROM counted WHERE of_product = 1 OR sku IS NOT NULL
ORDER BY max(customers) FILTER (sku IS NULL) OVER (PARTITION BY product) DESC, product,
    of_product DESC, customers DESC, sku
