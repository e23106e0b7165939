# Random-effects pooling by metafor: DerSimonian-Laird, Q-profile intervals, modified Hartung-Knapp errors of the average.
# Shrunken estimates over all that tau could be: adaptive quadrature over a half-Cauchy prior of five typical errors.
#   Rscript tests/reference/pooling.R OUT.csv
suppressMessages(library(metafor))
args <- commandArgs(trailingOnly = TRUE)
expected <- function(y, v) {
  s1 <- sum(1 / v); scale <- 5 * sqrt((length(y) - 1) / (s1 - sum(1 / v^2) / s1))
  at <- function(u) {
    tau2 <- (scale * tan(pi / 2 * u))^2; w <- 1 / (v + tau2); mu <- sum(w * y) / sum(w); keep <- tau2 * w
    mean <- mu + keep * (y - mu)
    list(fit = 0.5 * (sum(log(w)) - log(sum(w)) - sum(w * (y - mu)^2)), mean = mean, pull = 1 - keep,
         square = keep * v + (1 - keep)^2 / sum(w) + mean^2)
  }
  top <- max(sapply(seq(0.001, 0.999, 0.001), function(u) at(u)$fit))
  over <- function(of) integrate(Vectorize(function(u) { a <- at(u); exp(a$fit - top) * of(a) }), 0, 1, rel.tol = 1e-10,
                                 subdivisions = 1000)$value
  mass <- over(function(a) 1)
  each <- function(what) sapply(seq_along(y), function(i) over(function(a) a[[what]][i]) / mass)
  mean <- each("mean")
  list(mean = mean, sd = sqrt(each("square") - mean^2), pull = each("pull"))
}
read <- function(name, d) {
  m <- rma(yi, vi, data = d, method = "DL"); ci <- confint(m, control = list(tau2.max = 1e5, tol = 1e-12))$random
  hk <- rma(yi, vi, data = d, method = "DL", test = "adhoc"); e <- expected(d$yi, d$vi)
  one <- function(quantity, value, term = "") data.frame(dataset = name, quantity = quantity, term = term, value = value)
  rbind(one("yi", d$yi, d$group), one("vi", d$vi, d$group), one("mu", coef(hk)), one("se", hk$se),
        one("mu_low", hk$ci.lb), one("mu_high", hk$ci.ub), one("tau2", m$tau2),
        one("tau2_low", ci["tau^2", "ci.lb"]), one("tau2_high", ci["tau^2", "ci.ub"]), one("i2", m$I2 / 100),
        one("q", m$QE), one("p", m$QEp), one("shrunken", e$mean, d$group), one("shrunken_sd", e$sd, d$group),
        one("pull", e$pull, d$group))
}
# trials of BCG vaccine (Colditz et al. 1994); coaching for a test in eight schools (Rubin 1981), where chance suffices
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
bcg$group <- paste(bcg$author, bcg$year); bcg$yi <- as.numeric(bcg$yi)
schools <- data.frame(group = LETTERS[1:8], yi = c(28, 8, -3, 7, -1, 1, 18, 12), vi = c(15, 10, 16, 11, 9, 11, 10, 18)^2)
# the first three trials: as few groups as studies often have
few <- bcg[1:3, ]
out <- rbind(read("bcg", bcg), read("schools", schools), read("few", few))
out$version <- paste(R.version.string, "metafor", packageVersion("metafor"))
out$value <- sprintf("%.15g", out$value)
write.csv(out, args[1], row.names = FALSE)
