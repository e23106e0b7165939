# Reference numbers of tests/stats/test_waiting.py: Rscript tests/reference/waiting.R   (in the repository's folder)
# R 4.2.2, survival 3.5.3. Kaplan-Meier curves of the lung data of that package, errors clustered by institution
# (infinitesimal jackknife) and by row (Greenwood). Writes waiting_data.csv and waiting_r.csv.
suppressMessages(library(survival))
d <- lung[!is.na(lung$inst), c("inst", "time", "status")]
d$status <- d$status == 2
write.csv(d, "tests/reference/waiting_data.csv", row.names = FALSE)
at <- c(60, 180, 310, 500, 700)
keep <- function(case, fit) {
  s <- summary(fit, times = at)
  data.frame(case, time = at, surv = s$surv, se = s$std.err)
}
plain <- survfit(Surv(time, status) ~ 1, data = d, conf.type = "log-log")
grouped <- survfit(Surv(time, status) ~ 1, data = d, cluster = inst, conf.type = "log-log")
m <- summary(plain)$table
out <- rbind(keep("rows", plain), keep("clusters", grouped),
             data.frame(case = "median", time = m[["median"]], surv = m[["0.95LCL"]], se = m[["0.95UCL"]]))
write.csv(out, "tests/reference/waiting_r.csv", row.names = FALSE)
