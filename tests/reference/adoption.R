# Reference numbers of tests/stats/test_adoption.py: Rscript tests/reference/adoption.R tests/reference
# R 4.2.2, base only (neither `did` nor `fixest` nor `did2s` is in its library). Imputation as its authors state it:
# least squares with a dummy per unit and per period on untreated rows, what treated rows have beyond its prediction,
# averaged. On the balanced part, group-time averages against never-treated groups from plain means (Callaway &
# Sant'Anna 2021, with all periods before as base). Writes adoption_r.csv.
folder <- commandArgs(TRUE)[1]
d <- read.csv(file.path(folder, "adoption_panel.csv"))
d$treated <- !is.na(d$since) & d$since >= 0
ok <- ave(!d$treated, d$unit, FUN = sum) > 0
d <- d[ok, ]
fit <- lm(y ~ factor(unit) + factor(time), data = d[!d$treated, ])
att <- mean(d$y[d$treated] - predict(fit, d[d$treated, ]))
out <- data.frame(case = "imputed", estimate = att, se = NA, df = NA)
b <- read.csv(file.path(folder, "adoption_balanced.csv"))
first <- min(b$time[!is.na(b$since) & b$since >= 0])
change <- sapply(split(b, b$group), function(g) mean(g$y[g$time >= first]) - mean(g$y[g$time < first]))
adopts <- tapply(!is.na(b$since), b$group, any)
test <- t.test(change[adopts], change[!adopts], var.equal = TRUE)
out <- rbind(out, data.frame(case = "balanced", estimate = diff(rev(unname(test$estimate))), se = test$stderr,
                             df = unname(test$parameter)))
never <- b[is.na(b$since), ]
for (t in sort(unique(b$time[b$time >= first]))) {
  gain <- function(x) mean(x$y[x$time == t]) - mean(x$y[x$time < first])
  out <- rbind(out, data.frame(case = paste("since", t - first), estimate = gain(b[!is.na(b$since), ]) - gain(never),
                               se = NA, df = NA))
}
write.csv(out, file.path(folder, "adoption_r.csv"), row.names = FALSE)
