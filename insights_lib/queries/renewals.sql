SELECT product, month, subscriptions, customers, seats, without_auto_renew FROM renewals
ORDER BY product, month = 'later', month <> 'past', month
