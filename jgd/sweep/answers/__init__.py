"""What a sweep ends in: results, statistics, tables and pictures."""
