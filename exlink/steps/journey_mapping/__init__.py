"""01 Journey mapping: employees' touchpoints, who moves which part of the customer journey, one track for both."""
