# Reference numbers for stats/proportions (clustered shares), stats/grouped and stats/balance, on the school survey.
# Rscript tests/reference/readiness.R "$EXLINK_REAL_DATA" > tests/reference/readiness_r.csv
suppressMessages(library(sandwich))
folder <- commandArgs(trailingOnly = TRUE)[1]
schools <- read.csv(file.path(folder, "nyc_school_survey_2011", "nyc_survey_keycols.csv"))
said <- function(case, term, estimate, se) {
  cat(sprintf("%s,%s,%.15g,%.15g\n", case, term, estimate, se))
}
cat("case,term,estimate,se\n")

# Response rate of teachers and parents by type of school: a ratio of totals, schools as clusters.
# A school with more answers than people asked counts as answered in full, as in the published rates.
for (who in c("t", "p")) {
  asked <- schools[[paste0("nr_", who)]]
  answered <- pmin(schools[[paste0("N_", who)]], asked)
  for (kind in c("Elementary School", "High School")) {
    chosen <- which(schools$schooltype == kind & !is.na(answered) & asked > 0)
    frame <- data.frame(rate = answered[chosen] / asked[chosen], asked = asked[chosen], dbn = schools$dbn[chosen])
    fit <- lm(rate ~ 1, data = frame, weights = asked)
    said(paste("response rate", who), kind, coef(fit)[[1]],
         sqrt(vcovCL(fit, cluster = frame$dbn, type = "HC0", cadjust = TRUE)[1, 1]))
  }
}

# Teachers' safety score on the response rate within types of school, districts as clusters (CR1).
used <- subset(schools, !is.na(saf_t_11) & !is.na(rr_t) & schooltype != "")
used$district <- substr(used$dbn, 1, 2)
# A type in which the rate does not vary says nothing and is left out, as reghdfe leaves out singletons.
varies <- used[ave(used$rr_t, used$schooltype, FUN = function(v) length(unique(v))) > 1, ]
fit <- lm(saf_t_11 ~ rr_t + schooltype, data = varies)
said("safety on response rate", "rr_t", coef(fit)[["rr_t"]],
     sqrt(vcovCL(fit, cluster = varies$district, type = "HC1")["rr_t", "rr_t"]))

# Standardised differences of schools where fewer than 80 % of teachers answered from the others:
# of a number (parents' response rate), and of a category (Mahalanobis distance of shares, one level left out).
many <- used$rr_t >= 80
number <- used$rr_p[!is.na(used$rr_p)]
side <- many[!is.na(used$rr_p)]
said("standardised difference", "rr_p",
     (mean(number[side]) - mean(number[!side])) / sqrt((var(number[side]) + var(number[!side])) / 2), NA)
dummies <- model.matrix(~ schooltype, used)[, -1]
spread <- (cov(dummies[many, ]) + cov(dummies[!many, ])) / 2
said("standardised difference", "schooltype",
     sqrt(mahalanobis(colMeans(dummies[many, ]), colMeans(dummies[!many, ]), spread)), NA)
