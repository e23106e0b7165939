# Logit, Poisson, grouped and continuous proportional hazards, proportional odds; errors clustered by unit (CR1).
#   Rscript tests/reference/outcomes.R FOLDER/outcomes.csv tests/reference/outcomes_r.csv
suppressMessages({library(sandwich); library(MASS); library(survival)})
args <- commandArgs(trailingOnly = TRUE)
d <- read.csv(args[1])
tight <- glm.control(epsilon = 1e-15, maxit = 200)
rows <- function(model, term, estimate, se) data.frame(model = model, term = term, estimate = estimate, se = se)
clustered <- function(name, fit, unit)
  rows(name, names(coef(fit)), coef(fit), sqrt(diag(vcovCL(fit, cluster = unit, type = "HC1", cadjust = TRUE))))
f <- ~ x1 + x2 + z1 + z2
logit <- glm(update(f, event ~ .), binomial, d, control = tight)
count <- glm(update(f, count ~ .), poisson, d, control = tight)
linear <- lm(update(f, answer ~ .), d)
out <- rbind(clustered("logit", logit, d$unit), clustered("poisson", count, d$unit), clustered("linear", linear, d$unit),
             rows("poisson", "dispersion", sum(residuals(count, "pearson")^2) / df.residual(count), NA))
# average marginal effects of the logit, delta method
x <- model.matrix(logit); b <- coef(logit); p <- fitted(logit); v <- vcovCL(logit, cluster = d$unit, type = "HC1")
for (j in 2:5) {
  g <- b[j] * colMeans(p * (1 - p) * (1 - 2 * p) * x); g[j] <- g[j] + mean(p * (1 - p))
  out <- rbind(out, rows("marginal", names(b)[j], b[j] * mean(p * (1 - p)), sqrt(drop(t(g) %*% v %*% g))))
}
# grouped durations: one row per week at risk, of the four weeks that are seen through
week <- floor(d$days / 7); ended <- d$ended == 1 & week < 4; seen <- pmin(week + ended, 4)
long <- d[rep(seq_len(nrow(d)), seen), ]; long$week <- sequence(seen) - 1
long$end <- as.integer(rep(ended, seen) & long$week == rep(week, seen))
grouped <- glm(update(f, end ~ . + factor(week)), binomial("cloglog"), long, control = tight)
cox <- coxph(update(f, Surv(days, ended) ~ .), d, cluster = unit, ties = "breslow", control = coxph.control(eps = 1e-12, toler.chol = 1e-13))
out <- rbind(out, clustered("grouped", grouped, long$unit), rows("cox", names(coef(cox)), coef(cox), sqrt(diag(vcov(cox)))))
# proportional odds: score by hand, from the estimate of polr; observed information by central differences of the score
d$o <- factor(d$answer, ordered = TRUE); m <- model.matrix(f, d)[, -1]; y <- as.integer(d$o); levels <- nlevels(d$o) - 1
score <- function(par) {
  eta <- drop(m %*% par[-(1:levels)]); a <- c(-Inf, par[1:levels], Inf)
  up <- plogis(a[y + 1] - eta); low <- plogis(a[y] - eta); fu <- up * (1 - up); fl <- low * (1 - low); pr <- up - low
  s <- matrix(0, length(y), levels)
  for (k in 1:levels) s[, k] <- (y == k) * fu / pr - (y == k + 1) * fl / pr
  cbind(s, -(fu - fl) / pr * m)
}
start <- polr(update(f, o ~ .), d, method = "logistic"); par <- c(start$zeta, coef(start))
hessian <- function(par) sapply(seq_along(par), function(j) {
  h <- 1e-5; e <- replace(0 * par, j, h)
  (8 * (colSums(score(par + e)) - colSums(score(par - e))) - colSums(score(par + 2 * e)) + colSums(score(par - 2 * e))) / (12 * h)
})
for (i in 1:10) par <- par - solve(hessian(par), colSums(score(par)))
s <- rowsum(score(par), d$unit); g <- nrow(s); n <- nrow(d); k <- length(par); bread <- solve(-hessian(par))
v <- g / (g - 1) * (n - 1) / (n - k) * bread %*% crossprod(s) %*% bread
out <- rbind(out, rows("ordinal", c(paste0("cut", 1:levels), colnames(m)), par, sqrt(diag(v))))
# change of the share of the two highest answers, delta method by differences
top <- function(par) mean(plogis(par[levels - 1] - drop(m %*% par[-(1:levels)])) *
                          (1 - plogis(par[levels - 1] - drop(m %*% par[-(1:levels)])))) * par[-(1:levels)]
jac <- sapply(seq_along(par), function(j) { e <- replace(0 * par, j, 1e-5); (top(par + e) - top(par - e)) / 2e-5 })
out <- rbind(out, rows("top", colnames(m), top(par), sqrt(diag(jac %*% v %*% t(jac)))))
out$version <- paste(R.version.string, "sandwich", packageVersion("sandwich"), "MASS", packageVersion("MASS"),
                     "survival", packageVersion("survival"))
out$estimate <- sprintf("%.15g", out$estimate); out$se <- sprintf("%.15g", out$se)
write.csv(out, args[2], row.names = FALSE)
