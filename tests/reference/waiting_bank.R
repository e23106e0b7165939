# Reference numbers of tests/stats/test_waiting.py on real data:
#   EXLINK_REAL_DATA=… Rscript tests/reference/waiting_bank.R   (in the repository's folder)
# R 4.2.2, survival 3.5.3. The "Anonymous Bank" call centre, February 1999: seconds in the queue until an agent takes
# the call, callers who hang up are censored; days are clusters. All calls, and by the three largest kinds of call.
# Only summary numbers are written, to waiting_bank_r.csv.
suppressMessages(library(survival))
file <- file.path(Sys.getenv("EXLINK_REAL_DATA"), "anonymous_bank_callcentre", "data_anonymous_bank_february.txt")
calls <- read.delim(file, quote = "")
calls <- calls[calls$outcome %in% c("AGENT", "HANG") & calls$q_time > 0, ]
calls$served <- as.integer(calls$outcome == "AGENT")
at <- c(30, 60, 120, 300)
keep <- function(case, d) {
  fit <- survfit(Surv(q_time, served) ~ 1, data = d, cluster = date)
  s <- summary(fit, times = at)
  data.frame(case, time = at, surv = s$surv, se = s$std.err, calls = nrow(d), days = length(unique(d$date)),
             median = unname(summary(fit)$table["median"]))
}
kinds <- names(sort(table(calls$type), decreasing = TRUE))[1:3]
out <- rbind(keep("all", calls), do.call(rbind, lapply(kinds, function(k) keep(k, calls[calls$type == k, ]))))
write.csv(out, "tests/reference/waiting_bank_r.csv", row.names = FALSE)
