module ordersaga.invalid/pause

go 1.26.0
