module cache_service

go 1.19
