"""Logistic regression from two arrays: standard errors, p-values, predictions."""

import statsmodels.api as sm

hours = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 4.25, 4.5, 4.75, 5.0, 5.5]
passed = [0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1]
fit = sm.Logit(passed, sm.add_constant(hours)).fit(disp=False)
print(fit.summary())
print(fit.predict(sm.add_constant([1.0, 5.0])))

# Checks of this test, not of the task.
print([float(numbers[1]) for numbers in (fit.params, fit.bse, fit.pvalues)])
