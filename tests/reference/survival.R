# Cox models by survival::coxph, ties after Efron, errors clustered by person; concordance; Kaplan–Meier median.
# `careers.csv` is simulated by tests/stats/survival_data.py and holds start–stop rows.
#   Rscript tests/reference/survival.R CAREERS.csv OUT.csv
suppressMessages(library(survival))
args <- commandArgs(trailingOnly = TRUE)
frame <- read.csv(args[1])
read <- function(name, fit) {
  m <- summary(fit)$coefficients
  one <- function(quantity, value, term = "") data.frame(dataset = name, quantity = quantity, term = term, value = value)
  rbind(one("coef", m[, "coef"], rownames(m)), one("se", m[, "se(coef)"], rownames(m)),
        one("robust_se", m[, "robust se"], rownames(m)), one("concordance", unname(concordance(fit)$concordance)),
        one("loglik", fit$loglik[2]))
}
both <- rbind(
  read("continuous", coxph(Surv(start, stop, left) ~ x + flag, frame, cluster = person, ties = "efron")),
  read("days", coxph(Surv(begins, ends, left) ~ x + flag, frame, cluster = person, ties = "efron")),
  read("other cause", coxph(Surv(start, stop, sent) ~ x + flag, frame, cluster = person, ties = "efron"))
)
both$r <- R.version.string; both$package <- paste("survival", packageVersion("survival"))
write.csv(both, args[2], row.names = FALSE)
