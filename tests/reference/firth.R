# Firth's penalised logit: estimates by brglm2, profile penalised likelihood by optim; writes firth_data.csv, firth_r.csv
# Rscript firth.R   (R with brglm2)
suppressMessages(library(brglm2))
set.seed(39)
n <- 400
data <- data.frame(a = round(rnorm(n), 3), b = rbinom(n, 1, 0.3), c = round(rexp(n), 3))
data$d <- data$b * data$a
data$event <- rbinom(n, 1, plogis(-3.4 + 0.8 * data$a - 0.5 * data$b + 0.2 * data$c))
data$rare <- ifelse(seq_len(n) %in% which(data$event == 1)[1:4], 1, 0) # only events have it: separated
write.csv(data, "firth_data.csv", row.names = FALSE)

penalised <- function(beta, X, y) {
  eta <- drop(X %*% beta); w <- plogis(eta) * plogis(-eta)
  value <- sum(y * eta - log1p(exp(eta))) + 0.5 * as.numeric(determinant(crossprod(X, X * w))$modulus)
  if (is.finite(value)) value else -1e10
}
highest <- function(X, y, at, value, start) { # over all coefficients but one
  f <- function(free) { beta <- start; beta[-at] <- free; beta[at] <- value; -penalised(beta, X, y) }
  o <- optim(start[-at], f, method = "BFGS", control = list(reltol = 1e-14, maxit = 2000))
  o <- optim(o$par, f, method = "BFGS", control = list(reltol = 1e-15, maxit = 2000))
  -o$value
}
out <- NULL
for (model in c("event ~ a + b + c + d", "event ~ a + rare")) {
  fit <- glm(as.formula(model), binomial, data, method = "brglmFit", type = "AS_mean", epsilon = 1e-10, maxit = 5000, slowit = 0.3)
  X <- model.matrix(fit); y <- data$event; beta <- coef(fit); se <- sqrt(diag(vcov(fit)))
  best <- penalised(beta, X, y); cut <- qchisq(0.95, 1) / 2
  for (at in seq_along(beta)[-1]) {
    gap <- function(value) best - highest(X, y, at, value, beta) - cut
    low <- uniroot(gap, c(beta[at] - 6 * se[at], beta[at]), tol = 1e-8)$root
    high <- uniroot(gap, c(beta[at], beta[at] + 6 * se[at]), tol = 1e-8)$root
    p <- pchisq(2 * (best - highest(X, y, at, 0, beta)), 1, lower.tail = FALSE)
    out <- rbind(out, data.frame(model, term = names(beta)[at], estimate = beta[[at]], std_error = se[[at]],
                                 conf_low = low, conf_high = high, p_value = p, loglik = best))
  }
}
write.csv(format(out, digits = 10), "firth_r.csv", row.names = FALSE, quote = FALSE)
cat(R.version.string, "brglm2", as.character(packageVersion("brglm2")), "\n")
