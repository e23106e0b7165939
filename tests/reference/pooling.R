# Random-effects pooling by metafor: DerSimonian-Laird, Q-profile intervals, best linear unbiased predictions.
#   Rscript tests/reference/pooling.R OUT.csv
suppressMessages(library(metafor))
args <- commandArgs(trailingOnly = TRUE)
read <- function(name, d) {
  m <- rma(yi, vi, data = d, method = "DL"); b <- blup(m); ci <- confint(m, control = list(tau2.max = 1e5, tol = 1e-12))$random
  one <- function(quantity, value, term = "") data.frame(dataset = name, quantity = quantity, term = term, value = value)
  rbind(one("yi", d$yi, d$group), one("vi", d$vi, d$group), one("mu", coef(m)), one("se", m$se), one("tau2", m$tau2),
        one("tau2_low", ci["tau^2", "ci.lb"]), one("tau2_high", ci["tau^2", "ci.ub"]), one("i2", m$I2 / 100),
        one("q", m$QE), one("p", m$QEp), one("blup", b$pred, d$group), one("blup_se", b$se, d$group))
}
# trials of BCG vaccine (Colditz et al. 1994); coaching for a test in eight schools (Rubin 1981), where chance suffices
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
bcg$group <- paste(bcg$author, bcg$year); bcg$yi <- as.numeric(bcg$yi)
schools <- data.frame(group = LETTERS[1:8], yi = c(28, 8, -3, 7, -1, 1, 18, 12), vi = c(15, 10, 16, 11, 9, 11, 10, 18)^2)
out <- rbind(read("bcg", bcg), read("schools", schools))
out$version <- paste(R.version.string, "metafor", packageVersion("metafor"))
out$value <- sprintf("%.15g", out$value)
write.csv(out, args[1], row.names = FALSE)
