"""Partner Insights: Partner Center exports in, one interactive HTML report per partner out."""
