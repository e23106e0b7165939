# Reference numbers of tests/stats/test_distributed_lag.py and tests/stats/test_pooling.py.
# Rscript tests/reference/journey.R   (in the repository's folder; reads lag_panel.csv beside it)
# R 4.2.2, sandwich, metafor; the tests read journey_r.csv and never call R.
suppressMessages({library(sandwich); library(metafor)})
folder <- "tests/reference"
out <- list()
add <- function(case, term, value) out[[length(out) + 1]] <<- data.frame(case = case, term = term, value = value)

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
  add("lag", paste0("theta", i - 3), (L %*% phi)[i]); add("lag", paste0("se", i - 3), se[i])
}

# -- partial pooling: random-effects meta-analysis and its best linear unbiased predictions -------------------
# bcg: 13 trials of a vaccine, log risk ratios (Colditz et al. 1994; metafor's dat.bcg)
b <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
m <- rma(yi, vi, data = b, method = "PM", test = "knha")
p <- blup(m)
add("bcg", "tau2", m$tau2); add("bcg", "mean", as.numeric(m$b)); add("bcg", "mean_se", m$se)
for (i in seq_len(nrow(b))) {
  add("bcg", paste0("y", i), b$yi[i]); add("bcg", paste0("v", i), b$vi[i]); add("bcg", paste0("blup", i), p$pred[i])
  add("bcg", paste0("blup_se", i), p$se[i])
}
table <- do.call(rbind, out)
table$value <- formatC(table$value, digits = 15, format = "g")
write.csv(table, file.path(folder, "journey_r.csv"), row.names = FALSE, quote = FALSE)
