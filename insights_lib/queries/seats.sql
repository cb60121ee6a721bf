SELECT product, seats, assigned_seats, idle_seats FROM seats
ORDER BY seats DESC NULLS LAST, product
