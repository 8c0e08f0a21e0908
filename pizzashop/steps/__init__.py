"""The steps that storefront, kitchen and delivery run, stage by stage."""
