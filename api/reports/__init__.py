"""The five standard reports as tables: the marts' sums they show and how a person reads them."""
