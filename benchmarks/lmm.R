# One lme4 fit, timed: Rscript benchmarks/lmm.R job.json
# The job names the CSV file, the formula, REML or ML, and where the answer goes. Reading and fitting are timed apart;
# everything about the fit is lme4's default. If the job brings somebody else's theta (by group), lme4 says instead what
# its estimates are there, which tells a difference in algebra from one in where optimisers stop; and, if the job wants
# it "tight", what they are when lme4's optimiser goes on to the last digits, from lme4's own start.
started <- proc.time()[["elapsed"]]
suppressPackageStartupMessages({
  library(jsonlite)
  library(lme4)
})
loaded <- proc.time()[["elapsed"]]
job <- fromJSON(commandArgs(trailingOnly = TRUE)[1])

# data.table reads a CSV with a fraction of the time and memory of base R, to lme4's advantage.
if (requireNamespace("data.table", quietly = TRUE)) {
  data <- data.table::fread(job$csv, stringsAsFactors = TRUE, data.table = FALSE)
} else {
  data <- read.csv(job$csv, stringsAsFactors = TRUE)
}
read <- proc.time()[["elapsed"]]

# C(channel) in Python's formulas is a factor with treatment contrasts here: the same columns.
fixed <- gsub("C\\((\\w+)\\)", "\\1", job$formula)
formula <- as.formula(paste(fixed, "+", job$bars))

estimates <- function(fit) {
  terms <- sub("^channel(\\w+)$", "C(channel)[T.\\1]", names(fixef(fit)))
  list(
    fixef = as.list(setNames(fixef(fit), terms)),
    std_error = as.list(setNames(sqrt(diag(as.matrix(vcov(fit)))), terms)),
    criterion = if (job$reml) REMLcrit(fit) else deviance(fit)
  )
}

estimates_at <- function(theta) {
  parts <- lFormula(formula, data, REML = job$reml)
  criterion <- do.call(mkLmerDevfun, parts)
  groups <- unique(names(parts$reTrms$flist)[attr(parts$reTrms$flist, "assign")])
  theta <- unlist(theta[groups], use.names = FALSE)
  optimum <- list(par = theta, fval = criterion(theta), conv = 0, message = "")
  estimates(mkMerMod(environment(criterion), optimum, parts$reTrms, parts$fr))
}

if (length(job$theta)) {
  answer <- list(at = estimates_at(job$theta))
  if (job$tight) {
    to_the_end <- list(ftol_abs = 1e-12, xtol_abs = 1e-10, ftol_rel = 0, xtol_rel = 0, maxeval = 2000)
    answer$tight <- estimates(lmer(formula, data, REML = job$reml, control = lmerControl(optCtrl = to_the_end)))
  }
  messages <- ""
} else {
  fit <- lmer(formula, data, REML = job$reml)
  answer <- estimates(fit)
  answer$evaluations <- fit@optinfo$feval
  messages <- c(fit@optinfo$conv$lme4$messages, if (isSingular(fit)) "boundary (singular) fit")
}
done <- proc.time()[["elapsed"]]

blas <- tryCatch(extSoftVersion()[["BLAS"]], error = function(e) "")
answer <- c(answer, list(
  load_seconds = loaded - started,
  read_seconds = read - loaded,
  fit_seconds = done - read,
  message = paste(messages, collapse = "; "),
  version = as.character(packageVersion("lme4")),
  software = list(
    R = paste(R.version$major, R.version$minor, sep = "."),
    lme4 = as.character(packageVersion("lme4")),
    `BLAS of R` = paste(tail(strsplit(blas, "/")[[1]], 2), collapse = "/")
  )
))
write_json(answer, job$answer, auto_unbox = TRUE, digits = NA)
