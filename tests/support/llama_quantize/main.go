// llama.cpp's own quantiser, from the llama.cpp that Ollama is built with: quantize INPUT.gguf OUTPUT.gguf FTYPE
package main

/*
#include <stdbool.h>
#include <stdint.h>

// As in llama.h, whose directory cgo does not hand to other packages.
struct llama_model_quantize_params {
	int32_t nthread;
	int ftype, output_tensor_type, token_embedding_type;
	bool allow_requantize, quantize_output_tensor, only_copy, pure, keep_split;
	void *imatrix, *kv_overrides, *tensor_types;
};
extern struct llama_model_quantize_params llama_model_quantize_default_params(void);
extern uint32_t llama_model_quantize(const char *, const char *, const struct llama_model_quantize_params *);

static uint32_t quantize(const char *input, const char *output, int ftype) {
	struct llama_model_quantize_params params = llama_model_quantize_default_params();
	params.ftype = ftype;
	params.nthread = 2;
	return llama_model_quantize(input, output, &params);
}
*/
import "C"

import (
	"os"
	"strconv"

	"github.com/ollama/ollama/llama"
)

func main() {
	ftype, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	llama.BackendInit()
	os.Exit(int(C.quantize(C.CString(os.Args[1]), C.CString(os.Args[2]), C.int(ftype))))
}
