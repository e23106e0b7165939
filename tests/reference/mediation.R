# Total, direct and indirect effects within units and periods: lavaan for the estimates, base R for everything else.
# Estimates twice: lavaan's path model on rows freed of units, periods and circumstances, and lm() with all dummies.
# Intervals: units drawn with replacement, every model fitted anew by lm(). rho: correlation of what is left of a
# mediator and of y given all other regressors (Imai, Keele & Yamamoto 2010, eq. 14).
# Rscript tests/reference/mediation.R tests/reference
suppressPackageStartupMessages(library(lavaan))
folder <- commandArgs(TRUE)[1]
set.seed(20261123)

units <- 40; periods <- 4; each <- 5
rows <- expand.grid(k = seq_len(each), period = seq_len(periods), unit = seq_len(units))
u <- rnorm(units)
state <- data.frame(unit = rep(seq_len(units), each = periods), period = rep(seq_len(periods), units))
state$x1 <- round(u[state$unit] + rnorm(nrow(state)), 4)
state$x2 <- round(0.5 * state$x1 + u[state$unit] + rnorm(nrow(state)), 4)
rows <- merge(rows, state, by = c("unit", "period")); rows <- rows[order(rows$unit, rows$period, rows$k), ]
n <- nrow(rows)
rows$c <- sample(0:3, n, replace = TRUE)
rows$m1 <- round(0.5 * rows$x1 - 0.2 * rows$x2 + u[rows$unit] + 0.1 * rows$period + rnorm(n), 4)
rows$m2 <- round(0.3 * rows$c + 0.25 * rows$x2 + 0.3 * rows$m1 + rnorm(n), 4)
rows$y <- round(0.3 * rows$x1 + 0.4 * rows$m1 - 0.3 * rows$m2 + u[rows$unit] - 0.2 * rows$c + rnorm(n), 4)
write.csv(rows[c("unit", "period", "c", "x1", "x2", "m1", "m2", "y")], file.path(folder, "mediation_rows.csv"),
          row.names = FALSE)

x <- c("x1", "x2"); m <- c("m1", "m2")
rest <- "factor(unit) + factor(period) + factor(c)"
paths <- function(data) {
  of <- function(y, terms) coef(lm(reformulate(c(terms, rest), y), data))[terms]
  a <- sapply(m, function(k) of(k, x)); total <- of("y", x); full <- of("y", c(x, m))
  parts <- a * rep(full[m], each = length(x))
  rbind(data.frame(term = x, path = "total", estimate = total), data.frame(term = x, path = "direct", estimate = full[x]),
        data.frame(term = x, path = "indirect", estimate = rowSums(parts)),
        do.call(rbind, lapply(m, function(k) data.frame(term = x, path = k, estimate = parts[, k]))),
        data.frame(term = m, path = "b", estimate = full[m]))
}
out <- paths(rows)

draws <- replicate(2000, {
  drawn <- split(rows, rows$unit)[sample(units, replace = TRUE)]
  for (i in seq_along(drawn)) drawn[[i]]$unit <- i
  paths(do.call(rbind, drawn))$estimate
})
out$boot_se <- apply(draws, 1, sd)
out$low <- apply(draws, 1, quantile, 0.025); out$high <- apply(draws, 1, quantile, 0.975)
share <- draws[out$path == "indirect", ] / draws[out$path == "total", ]
out <- rbind(out, data.frame(term = x, path = "share", estimate = out$estimate[out$path == "indirect"] /
  out$estimate[out$path == "total"], boot_se = apply(share, 1, sd), low = apply(share, 1, quantile, 0.025),
  high = apply(share, 1, quantile, 0.975)))

freed <- as.data.frame(lapply(rows[c(x, m, "y")], function(v) resid(lm(reformulate(rest, "v"), cbind(rows, v = v)))))
fit <- sem("m1 ~ a11*x1 + a12*x2
            m2 ~ a21*x1 + a22*x2
            y ~ d1*x1 + d2*x2 + b1*m1 + b2*m2
            m1 ~~ m2
            i11 := a11*b1
            i12 := a21*b2
            i21 := a12*b1
            i22 := a22*b2
            ind1 := i11 + i12
            ind2 := i21 + i22
            tot1 := ind1 + d1
            tot2 := ind2 + d2", freed)
table <- parameterEstimates(fit); value <- setNames(table$est, table$label)
name <- c(total = "tot", direct = "d", indirect = "ind")
out$lavaan <- mapply(function(term, path) {
  j <- sub(".", "", term)
  if (path == "b") value[[paste0("b", j)]]
  else if (path == "share") value[[paste0("ind", j)]] / value[[paste0("tot", j)]]
  else if (path %in% m) value[[paste0("i", j, sub("m", "", path))]] else value[[paste0(name[[path]], j)]]
}, out$term, out$path)
stopifnot(max(abs(out$lavaan - out$estimate)) < 1e-6)  # lavaan's optimiser stops there

rho <- sapply(m, function(k) {
  others <- c(x, setdiff(m, k), rest)
  cor(resid(lm(reformulate(others, k), rows)), resid(lm(reformulate(others, "y"), rows)))
})
out <- rbind(out, data.frame(term = m, path = "rho", estimate = rho, boot_se = NA, low = NA, high = NA, lavaan = NA))
write.csv(out, file.path(folder, "mediation_r.csv"), row.names = FALSE)
