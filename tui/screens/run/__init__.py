"""The Run screen: `screen` shows the plan, then the work; `wording` has its sentences, the other files its widgets."""
