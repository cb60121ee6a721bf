"""What an analyst types in JupyterLab: partners, one partner, two compared, the report live."""
