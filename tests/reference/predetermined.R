# Slopes of regressors that react to earlier outcomes: rows against later rows, instrumented by earlier ones.
# Written literally, row by row, and handed to AER::ivreg; plm::pgmm (Arellano & Bond) on the same panel beside it.
# Rscript tests/reference/predetermined.R tests/reference
suppressPackageStartupMessages({library(AER); library(sandwich); library(plm)})
folder <- commandArgs(TRUE)[1]
set.seed(20261122)

units <- 80; waves <- 7
panel <- do.call(rbind, lapply(seq_len(units), function(u) {
  mu <- rnorm(1, 3.5, 0.3); nu <- rnorm(1, 4, 0.25); state <- 0; mood <- 0
  rows <- data.frame()
  for (t in seq_len(waves)) {
    state <- 0.2 * state + 0.2 * mood + rnorm(1, 0, 0.25) + 0.02 * t
    n <- 1 + rpois(1, 9)
    now <- 0.4 * state + rnorm(1, 0, 0.9 / sqrt(n)) - 0.03 * t
    rows <- rbind(rows, data.frame(unit = u, wave = t, x = mu + state, y = nu + now, before = nu + mood, n = n))
    mood <- now
  }
  rows[rows$wave > 1, ]
}))
panel[c("x", "y", "before")] <- round(panel[c("x", "y", "before")], 6)
panel$kept <- as.integer(runif(nrow(panel)) > 0.15)
complete <- panel
panel <- panel[panel$kept == 1, ]
write.csv(complete, file.path(folder, "predetermined_panel.csv"), row.names = FALSE)

double_filter <- function(data, y, x, weight) {
  data <- data[data$unit %in% names(which(table(data$unit) > 1)), ]
  data <- data[order(data$unit, data$wave), ]
  data$w <- if (is.null(weight)) 1 else data[[weight]]
  for (v in c(y, x)) data[[v]] <- data[[v]] - mean(data[[v]])
  past <- data
  lambda <- list()
  for (v in x) {
    past[[v]] <- data[[v]] - ave(data[[v]], data$wave)
    m <- tapply(past[[v]], past$unit, mean); n <- tapply(past[[v]], past$unit, length)
    within <- sum((past[[v]] - m[as.character(past$unit)])^2) / (nrow(past) - length(m))
    lambda[[v]] <- within / (var(as.numeric(m)) - within * mean(1 / n))
  }
  out <- data.frame()
  for (u in unique(data$unit)) {
    own <- which(data$unit == u)
    for (i in head(own, -1)) {
      later <- own[own > i]; earlier <- own[own <= i]; k <- length(earlier)
      ahead <- function(v) data[[v]][i] - weighted.mean(data[[v]][later], data$w[later])
      row <- c(unit = u, weight = data$w[i] * sum(data$w[later]) / (data$w[i] + sum(data$w[later])))
      for (v in c(y, x)) row[v] <- ahead(v)
      for (v in x) row[paste0("z_", v)] <- past[[v]][i] - k / (k + lambda[[v]]) * mean(past[[v]][earlier])
      for (t in sort(unique(data$wave))[-1])
        row[paste0("d", t)] <- (data$wave[i] == t) - sum(data$w[later] * (data$wave[later] == t)) / sum(data$w[later])
      out <- rbind(out, as.data.frame(as.list(row)))
    }
  }
  d <- grep("^d[0-9]+$", names(out), value = TRUE)
  f <- as.formula(paste(y, "~ 0 +", paste(c(x, d), collapse = "+"), "|",
                        paste(c("0", paste0("z_", x), d), collapse = "+")))
  # ivreg weights both stages, the instruments not beyond it: exactly sum of w z (y - x b) = 0
  fit <- ivreg(f, data = out, weights = out$weight)
  v <- vcovCL(fit, cluster = out$unit, type = "HC1", cadjust = TRUE)
  data.frame(term = x, estimate = coef(fit)[x], std_error = sqrt(diag(v))[x], n = nrow(out),
             units = length(unique(out$unit)))
}

cases <- list(
  list("plain", "y", c("x", "before"), NULL), list("weighted", "y", c("x", "before"), "n"),
  list("alone", "y", "x", NULL), list("reverse", "x", "before", NULL))
result <- do.call(rbind, lapply(cases, function(k)
  cbind(case = k[[1]], double_filter(panel, k[[2]], k[[3]], k[[4]]))))
result <- rbind(result, cbind(case = "complete", double_filter(complete, "y", c("x", "before"), NULL)))

# Arellano & Bond's estimator on the complete panel: all earlier values as instruments, one step, two-way
ab <- pgmm(y ~ lag(y, 1) + x | lag(y, 2:99) + lag(x, 1:99), data = pdata.frame(complete, c("unit", "wave")),
           effect = "twoways", model = "onestep", transformation = "d")
s <- summary(ab, robust = TRUE)$coefficients
result <- rbind(result, data.frame(case = "arellano_bond", term = c("x", "before"), estimate = s[c("x", "lag(y, 1)"), 1],
                                   std_error = s[c("x", "lag(y, 1)"), 2], n = NA, units = units))
write.csv(result, file.path(folder, "predetermined_r.csv"), row.names = FALSE)
print(result); print(sapply(c("AER", "sandwich", "plm"), function(p) as.character(packageVersion(p))))
