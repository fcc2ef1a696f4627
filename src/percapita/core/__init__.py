"""The words everything else is said in: money, time, tables, errors. Standard library only."""

import decimal

# Python's 28 digits would round a sum of money in silence: 18 digits before the point and 18 after
# need 36. This is the context of every thread that percapita runs in.
decimal.DefaultContext.prec = 120
decimal.DefaultContext.rounding = decimal.ROUND_HALF_EVEN
decimal.setcontext(decimal.DefaultContext.copy())
