# Confirmatory factor models, omega and rwg by R: Rscript tests/reference/cfa.R "$EXLINK_REAL_DATA" tests/reference
# R 4.2.2, lavaan 0.6-14, multilevel 2.7. Writes cfa_r.csv and holzinger_swineford.csv (x1 to x9 and school of
# Holzinger & Swineford 1939, as shipped with lavaan).
suppressMessages({library(lavaan); library(multilevel)})
where <- commandArgs(trailingOnly = TRUE)
rows <- list()
keep <- function(case, quantity, name, value, se = NA)
  rows[[length(rows) + 1]] <<- data.frame(case, quantity, name, value = as.numeric(value), se = as.numeric(se))
measures <- c("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "srmr")
fitted_cfa <- function(case, model, data, ...) {
  fit <- cfa(model, data, std.lv = TRUE, ...)
  m <- fitMeasures(fit, measures)
  for (k in names(m)) keep(case, "measure", k, m[[k]])
  s <- standardizedSolution(fit)
  for (i in which(s$op == "=~")) keep(case, "loading", paste0(s$rhs[i], if ("group" %in% names(s)) s$group[i] else ""), s$est.std[i], s$se[i])
  for (i in which(s$op == "~~" & s$lhs != s$rhs)) if (!("group" %in% names(s)) || s$group[i] == 1)
    keep(case, "correlation", paste(s$lhs[i], s$rhs[i]), s$est.std[i], s$se[i])
  invisible(fit)
}
hs <- HolzingerSwineford1939[, c("school", paste0("x", 1:9))]
write.csv(hs, file.path(where[2], "holzinger_swineford.csv"), row.names = FALSE, quote = FALSE)
three <- "visual =~ x1 + x2 + x3\n textual =~ x4 + x5 + x6\n speed =~ x7 + x8 + x9"
fitted_cfa("hs three factors", three, hs)
fitted_cfa("hs one factor", paste("g =~", paste0("x", 1:9, collapse = " + ")), hs)
fitted_cfa("hs configural", three, transform(hs, school = factor(school, c("Grant-White", "Pasteur"))), group = "school", group.label = c("Grant-White", "Pasteur"))
fitted_cfa("hs metric", three, hs, group = "school", group.label = c("Grant-White", "Pasteur"), group.equal = "loadings")
lq <- read.csv(file.path(where[1], "army_lq2002/lq2002.csv"))
items <- list(LEAD = sprintf("LEAD%02d", 1:11), TSIG = sprintf("TSIG%02d", 1:3), HOSTILE = sprintf("HOSTIL%02d", 1:5))
fitted_cfa("lq three factors", paste(tolower(names(items)), "=~", sapply(items, paste, collapse = " + "), collapse = "\n"), lq)
for (scale in names(items)) {
  k <- items[[scale]]
  l <- paste0("l", seq_along(k)); t <- paste0("t", seq_along(k))
  model <- paste0("f =~ ", paste0(l, "*", k, collapse = " + "), "\n", paste0(k, " ~~ ", t, "*", k, collapse = "\n"),
                  "\n omega := (", paste(l, collapse = "+"), ")^2 / ((", paste(l, collapse = "+"), ")^2 + ", paste(t, collapse = "+"), ")")
  p <- parameterEstimates(cfa(model, lq, std.lv = TRUE))
  keep("lq omega", "omega", scale, p$est[p$op == ":="], p$se[p$op == ":="])
}
for (scale in c("LEAD", "TSIG")) {
  j <- rwg.j(lq[, items[[scale]]], lq$COMPID, ranvar = 2)
  for (i in seq_len(nrow(j))) keep(paste("lq rwg.j", scale), "rwg", j$grpid[i], j$rwg.j[i])
}
one <- rwg(lq$LEAD01, lq$COMPID, ranvar = 2)
for (i in seq_len(nrow(one))) keep("lq rwg LEAD01", "rwg", one$grpid[i], one$rwg[i])
write.csv(do.call(rbind, rows), file.path(where[2], "cfa_r.csv"), row.names = FALSE)
