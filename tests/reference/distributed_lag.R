# Reference numbers of tests/stats/test_distributed_lag.py.
# Rscript tests/reference/distributed_lag.R   (in the repository's folder; reads lag_panel.csv beside it)
# R 4.2.2, sandwich; the tests read distributed_lag_r.csv and never call R.
suppressMessages(library(sandwich))
folder <- "tests/reference"
out <- list()
add <- function(term, value) out[[length(out) + 1]] <<- data.frame(term = term, value = value)

# -- a distributed lag in levels, with a dummy per unit and period, on rows -----------------------------------
d <- read.csv(file.path(folder, "lag_panel.csv"))
states <- c("s.2", "s.1", "s0", "s1", "s2", "s3", "s4", "s5")  # read.csv turns s-2 into s.2
fit <- lm(reformulate(c(states, "factor(u)", "factor(t)"), "y"), data = d)
phi <- coef(fit)[states]
L <- lower.tri(diag(length(states)), diag = TRUE) * 1          # cumulative responses
n <- nrow(d); g <- length(unique(d$u)); k <- length(coef(fit)) - (g - 1)  # unit effects are nested in clusters
V <- vcovCL(fit, cluster = d$u, type = "HC0", cadjust = FALSE)[states, states] * g / (g - 1) * (n - 1) / (n - k)
se <- sqrt(diag(L %*% V %*% t(L)))
for (i in seq_along(states)) {
  add(paste0("theta", i - 3), (L %*% phi)[i]); add(paste0("se", i - 3), se[i])
}

table <- do.call(rbind, out)
table$value <- formatC(table$value, digits = 15, format = "g")
write.csv(table, file.path(folder, "distributed_lag_r.csv"), row.names = FALSE, quote = FALSE)
